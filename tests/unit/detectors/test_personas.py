from detectors.personas import cohort_mix


def test_the_mix_is_in_percent_of_all():
    assert cohort_mix({"mainstream": 30, "early_adopter": 10}) == {"mainstream": 75, "early_adopter": 25}


def test_nobody_has_no_mix():
    assert cohort_mix({"mainstream": 0}) == {}
