"""The values of the chart orderflow: what there is, what it means, and the files that follow from it."""
