"""What a study in the scene is made of: scans, regions, settings, files."""
