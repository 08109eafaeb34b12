"""States in which an arm is measured besides as served: each changes a model in place and puts it back bit for bit."""
