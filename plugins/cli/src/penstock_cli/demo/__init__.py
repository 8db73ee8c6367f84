"""Demo: what `penstock demo` runs: an ordinary configuration, a pretended service that fails, and a story to tell."""
