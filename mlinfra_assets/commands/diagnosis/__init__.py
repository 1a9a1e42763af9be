"""What `mlinfra doctor` looks at, one module an area. It reads; all that it may start is the embedded Redis."""
