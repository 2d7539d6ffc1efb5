"""What is made of a finished run: figures of merit, a summary, pictures, one self-contained page."""
