"""TLS above every reliable stream, below the first byte that names the dialect: what `tls+` before a URL asks for."""
