"""What every watched server carries: its habits, and the scenarios with what sets them off."""
