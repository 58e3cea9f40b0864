"""What benchopt needs of the plugins, once for all of them."""
