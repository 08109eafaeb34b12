"""Where models are made: the owner's, by `rtbf model train`, and the never-shown controls of a ticket, by the same recipe."""
