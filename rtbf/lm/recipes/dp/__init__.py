"""Recipe `dp`: LoRA training with differential privacy whose unit is the data subject."""
