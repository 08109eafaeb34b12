"""Recipe `sharded`: one LoRA adapter per shard of subjects over a frozen base, so that erasing re-runs a known, small part."""
