"""What every process of the pipeline has, be it a service, the operator or what runs all on one machine."""
