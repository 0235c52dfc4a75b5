"""Theory against exact dynamics: parts to compute, studies that compare them, a report."""
