"""The values of the charts: what there is, what it means, and the files that follow from it."""
