"""Row -> the areas of a culture that it teaches: by its source's own words, by a judge model, or by a classifier of n-grams."""
