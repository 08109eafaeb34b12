"""Terminal edge."""
