"""From a study to absorbed dose: load, calibrate, register, delineate, measure, fit, dose, assess, report. The verb run."""
