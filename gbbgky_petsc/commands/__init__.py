"""What each subcommand does, above the library and below the command line."""
