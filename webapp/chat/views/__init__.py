"""The pages, by subject. Every view asks the rooms below for what this user may see; none reads a table itself."""
