"""What is made of result files: tables and pictures."""
