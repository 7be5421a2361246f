"""Answer keys that people stand behind."""
