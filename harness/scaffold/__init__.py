"""New folders from templates: plain text files beside this one, in which three marks are filled in."""
