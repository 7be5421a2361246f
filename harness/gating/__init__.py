"""Policy × RunRecord × RunRecord (or a model that is asked until the verdict) -> GateReport."""
