"""Room: see CONTRIBUTING."""
