"""Cross-market measures: correlation, lead, breadth, dispersion, first component, regime."""
