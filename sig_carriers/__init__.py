"""The built-in carriers, each found through its entry point; import one by its module: `sig_carriers.tcp`."""
