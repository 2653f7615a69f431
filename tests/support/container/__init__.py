"""The Dockerfile and clean Debian roots for tests."""
