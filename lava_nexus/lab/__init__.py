"""The laboratory: experiments, their configs, reports and figures."""
