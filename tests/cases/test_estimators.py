"""`clean=` of the scikit-learn estimators: what names other rows than the user means, and what is split and renumbered."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

pytest.importorskip("sklearn")
import sklearn
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reweigh import ReweighClassifier, ReweighRegressor
from reweigh.errors import BadInput

N = 90
X, Y = make_classification(N, 5, n_informative=4, n_redundant=0, random_state=0)
MASK = np.arange(N) % 5 == 0
ROWS = np.flatnonzero(MASK)
CV = StratifiedKFold(3, shuffle=True, random_state=0)
TABLE = pd.DataFrame(X, columns=list("abcde"), index=[f"row {i}" for i in range(N)])


@pytest.fixture(autouse=True)
def _routing():
    with sklearn.config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _estimator(kind=ReweighClassifier, **settings):
    return kind(**{"rule": "l2rw", "epochs": 1, "hidden": (3,), "random_state": 0, **settings})


def _routed(kind=ReweighClassifier, *names):
    return _estimator(kind).set_fit_request(**dict.fromkeys(names or ["clean"], True))


def _shuffled(table):
    return table.iloc[np.random.RandomState(0).permutation(N)]


@pytest.mark.parametrize("kind", [ReweighClassifier, ReweighRegressor])
@pytest.mark.parametrize("rows", [ROWS[ROWS < 50], ROWS[ROWS < 50].tolist(), pl.Series(ROWS[ROWS < 50])])
def test_row_numbers_are_refused_in_cross_validation_where_folds_are_numbered_anew(kind, rows):
    with pytest.raises(ValueError, match=r"clean= gives row numbers, but fit was called by sklearn\.model_selection"):
        cross_val_score(_routed(kind), X, Y, params={"clean": rows}, cv=CV if kind is ReweighClassifier else 3)


@pytest.mark.parametrize(
    "search",
    [
        lambda clean: GridSearchCV(_routed(), {"lr": [0.01]}, cv=CV, n_jobs=2).fit(X, Y, clean=clean),
        lambda clean: BaggingClassifier(_routed(), n_estimators=2).fit(X, Y, clean=clean),
        lambda clean: cross_val_predict(_routed(), X, Y, params={"clean": clean}, cv=CV),
        lambda clean: cross_val_score(make_pipeline(StandardScaler(), _routed()), X, Y, params={"clean": clean}, cv=CV),
    ],
)
def test_row_numbers_are_refused_by_every_meta_estimator_that_takes_some_rows(search):
    with pytest.raises(ValueError, match="clean= gives row numbers, but fit was called by sklearn"):
        search(ROWS[ROWS < 40])


def test_row_numbers_in_a_pipeline_are_those_of_all_rows():
    fitted = make_pipeline(StandardScaler(), _routed()).fit(X, Y, clean=ROWS)
    np.testing.assert_array_equal(fitted[-1].clean_rows_, ROWS)


@pytest.mark.parametrize("clean", [MASK, MASK.tolist(), pd.Series(MASK), pl.Series(MASK)])
def test_a_mask_is_split_with_the_rows(clean):
    done = cross_validate(_routed(), X, Y, params={"clean": clean}, cv=CV, return_estimator=True, return_indices=True)
    for fitted, rows in zip(done["estimator"], done["indices"]["train"], strict=True):
        np.testing.assert_array_equal(rows[fitted.clean_rows_], np.intersect1d(rows, ROWS))


@pytest.mark.parametrize("steps", [[], [StandardScaler()]])
def test_labels_of_an_index_are_found_in_every_fold(steps):
    estimator = make_pipeline(*steps, _routed())
    y = pd.Series(Y, index=TABLE.index)  # a scaler takes the index of X away, not that of y
    params = {"clean": TABLE.index[MASK]}
    done = cross_validate(estimator, TABLE, y, params=params, cv=CV, return_estimator=True, return_indices=True)
    for fitted, rows in zip(done["estimator"], done["indices"]["train"], strict=True):
        np.testing.assert_array_equal(rows[fitted[-1].clean_rows_], np.intersect1d(rows, ROWS))


@pytest.mark.parametrize("labels", [TABLE.index[MASK], TABLE.index[MASK].tolist(), TABLE.index[MASK].to_numpy()])
def test_labels_name_rows_of_a_shuffled_table(labels):
    table = _shuffled(TABLE)
    fitted = _estimator().fit(table, Y, clean=labels)
    assert set(table.index[fitted.clean_rows_]) == set(TABLE.index[MASK])


def test_numbered_labels_name_rows_of_a_shuffled_table():
    table = _shuffled(pd.DataFrame(X))
    fitted = _estimator().fit(table, Y[table.index], clean=pd.RangeIndex(0, N, 5))
    np.testing.assert_array_equal(np.sort(table.index[fitted.clean_rows_]), ROWS)


def test_numbers_that_may_be_positions_or_labels_are_refused():
    table = _shuffled(pd.DataFrame(X))
    with pytest.raises(BadInput, match="whether positions or labels are meant cannot be known"):
        _estimator().fit(table, Y[table.index], clean=ROWS)
    np.testing.assert_array_equal(
        _estimator().fit(TABLE, Y, clean=ROWS).clean_rows_, ROWS
    )  # these can only be positions


def test_a_mask_with_another_index_than_the_table_is_refused():
    table = _shuffled(pd.DataFrame(X))
    with pytest.raises(BadInput, match="clean= and X have different indexes"):
        _estimator().fit(table, Y[table.index], clean=pd.Series(MASK))
    fitted = _estimator().fit(table, Y[table.index], clean=pd.Series(MASK).loc[table.index])
    np.testing.assert_array_equal(np.sort(table.index[fitted.clean_rows_]), ROWS)


@pytest.mark.parametrize(
    ("clean", "sentence"),
    [
        ((X[MASK], Y[MASK]), "clean= holds several tables"),
        (TABLE[MASK], "the checked rows themselves as X_clean= and y_clean="),
        (["row 0", "row 200"], "names the row 'row 200', which is not in the index"),
        (["row 0", "row 0"], "names a row more than once"),
        (pd.Series([True, None] * (N // 2), dtype="boolean"), "type object"),
        ([None, "row 1"], "type object"),
        (MASK.astype(int), "give a mask of booleans"),
        (MASK.astype(float), "type float64"),
    ],
)
def test_what_is_no_clean_set_gets_a_sentence(clean, sentence):
    with pytest.raises(BadInput, match=sentence):
        _estimator().fit(TABLE, Y, clean=clean)


def test_labels_without_an_index_or_with_a_doubtful_one_are_refused():
    with pytest.raises(BadInput, match="neither X nor y comes with a pandas index"):
        _estimator().fit(X, Y, clean=["row 0", "row 5"])
    with pytest.raises(BadInput, match="the index has some twice"):
        _estimator().fit(TABLE.rename({"row 1": "row 0"}), Y, clean=["row 0", "row 5"])


@pytest.mark.parametrize("routing", [True, False])
def test_checked_rows_that_did_not_go_through_the_pipeline_are_refused(routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        last = _routed(ReweighClassifier, "X_clean", "y_clean") if routing else _estimator()
        before = "" if routing else "reweighclassifier__"
        given = {f"{before}X_clean": X[MASK], f"{before}y_clean": Y[MASK]}
        with pytest.raises(BadInput, match="has not gone through the pipeline's StandardScaler"):
            make_pipeline(StandardScaler(), last).fit(X, Y, **given)


def test_checked_rows_go_through_the_pipeline_where_it_is_told_to():
    last = _routed(ReweighClassifier, "X_clean", "y_clean")
    far = 1000 + 100 * X  # on this scale, rows that were not transformed would be far from all others
    pipeline = make_pipeline(StandardScaler(), last, transform_input=["X_clean"])
    pipeline.fit(far, Y, X_clean=far[MASK], y_clean=Y[MASK])
    near = StandardScaler().fit_transform(far)
    direct = _estimator().fit(near, Y, X_clean=near[MASK], y_clean=Y[MASK])
    np.testing.assert_allclose(pipeline[-1].sample_weight_, direct.sample_weight_, atol=1e-6)


def test_a_class_whose_rows_are_all_checked_is_told():
    with pytest.raises(BadInput, match="every row of class 1 is in the clean set, so none is left to train on"):
        _estimator().fit(X, Y, clean=MASK | (Y == 1))
    _estimator(train_on_clean=True).fit(X, Y, clean=MASK | (Y == 1))


@pytest.mark.parametrize("X_as", [pd.DataFrame, pl.DataFrame, lambda x: x.astype(np.float16)])
@pytest.mark.parametrize("as_", [lambda y: pd.Series(y).astype("category"), lambda y: pd.Series(y, dtype="Int64")])
def test_kinds_of_tables_and_targets_are_the_same_to_it(X_as, as_):
    near = X.astype(np.float16).astype(np.float64)
    plain = _estimator().fit(near, Y, clean=MASK).predict_proba(near)
    np.testing.assert_allclose(_estimator().fit(X_as(near), as_(Y), clean=MASK).predict_proba(near), plain)
