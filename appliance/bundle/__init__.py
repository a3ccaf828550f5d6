"""What is carried to a site that has no internet, and the manifest that says whether it arrived whole."""
