"""One folder a verb, all of one shape: request, run, result, report, outputs."""
