"""What the package offers is imported when it is used: reading streams must not load the engine."""

import subprocess
import sys

import calibration

LIGHT = "import calibration, calibration.event_log, calibration.sources.mqtt, calibration.sources.drop_folder, sys"


def test_reading_streams_does_not_load_the_engine():
    script = f"{LIGHT}\nassert not {{'jax', 'optax', 'mesa', 'xarray', 'matplotlib'}} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_and_is_no_module():
    names = "\n".join(f"from calibration import {name}" for name in calibration.__all__)
    script = f"import calibration.observing\n{names}\nassert callable(observe) and callable(fit_no_show)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(calibration.__all__) == set(calibration._HOME_OF) <= set(dir(calibration))
