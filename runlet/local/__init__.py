"""A whole fleet on one machine: a private broker, a controller and devices, as child processes of `runlet up`."""
