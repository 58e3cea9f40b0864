"""Every solver a point: how good, and how long it takes."""

import benchopt

from musaic_core.results.statistics import ALL, datasets, score_table, with_labels


class Plot(benchopt.BasePlot):
    name = "Quality against time"
    type = "scatter"
    options = {"dataset": datasets}

    def plot(self, df, dataset):
        df = with_labels(df)
        if dataset != ALL:
            df = df[df["dataset_name"] == dataset]
        runs = df.groupby(["label", "dataset_name", "idx_rep"])
        seconds = runs["time"].first().groupby("label").sum()
        minutes = df.groupby("label")["objective_duration"].sum() / 60
        quality = score_table(df, dataset, "objective_value").mean()
        return [
            {
                "x": [float(seconds[label] / minutes[label])],
                "y": [float(quality[label])],
                "label": label,
                **self.get_style(label),
            }
            for label in quality.index
        ]

    def get_metadata(self, df, dataset):
        return {
            "title": f"Quality against time\n{dataset}",
            "xlabel": "seconds of computing a minute of music, tuning included",
            "ylabel": "mean score",
            "scale": "semilog-x",
        }
