module orderflow.dev/deploy/kind/pause

go 1.24.0
