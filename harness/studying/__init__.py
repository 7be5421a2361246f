"""study.toml -> arms trained and measured -> StudyResult: training choices compared, the training run being the unit."""
