"""Trains a random forest on random points (16 features, 10 classes) and writes it with joblib."""

import sys

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier

random = np.random.default_rng(0)
points = random.uniform(0, 8, (2000, 16))
labels = (points[:, :4].sum(axis=1) * 10 / 32).astype(int)
joblib.dump(RandomForestClassifier(20, random_state=0).fit(points, labels), sys.argv[1])
