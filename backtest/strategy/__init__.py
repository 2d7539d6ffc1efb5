"""What a strategy is: its parameters, what it may see, what it may ask for."""
