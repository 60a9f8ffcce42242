"""A text encoder learns to tell tasks, and what is trained on it keeps what it learned."""

import dataclasses
import itertools
import json

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from tests.unit.small_training import SMALL, parameters
from thfm_jax import checkpoints, predict
from thfm_jax.asking import TaskFinder, encode_texts, load_encoder
from thfm_jax.config import TextConfig
from thfm_jax.data.prompts import ByteTokenizer, load_features
from thfm_jax.sharding import make_mesh
from thfm_jax.tasks import TASKS
from thfm_jax.training import export, recipe, start, texts
from thfm_jax.training.optimizer import OptimizerConfig
from thfm_jax.training.phrasing import SUBJECTS, phrases
from thfm_jax.training.state import init_state
from thfm_jax.training.texts import TextRecipe
from thfm_jax.training.wordings import task_texts

SHORT = TextRecipe(steps=2, batch=8)


def finder(threshold: float = 0.5) -> TaskFinder:
    encoder = texts.encoder_of(SMALL.text, parameters()["text_encoder"])
    return TaskFinder(encoder, ByteTokenizer(), threshold)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A model directory of random weights."""
    folder = tmp_path_factory.mktemp("begun") / "model"
    for part, arrays in parameters().items():
        checkpoints.save(folder, part, arrays)
    checkpoints.save_config(folder, SMALL, parameters())
    return folder


@pytest.fixture(scope="module")
def told(begun):
    """The same with a text encoder that was trained for two steps."""
    output = begun.parent / "told"
    texts.train_model(SHORT, begun, output)
    return output


def test_a_prompt_asks_for_its_own_task():
    find = finder()
    assert [find(task.prompt) for task in TASKS.values()] == list(TASKS)
    np.testing.assert_allclose(
        np.diag(find.similarities([task.prompt for task in TASKS.values()])), 1, atol=1e-5
    )


def test_a_text_that_asks_for_nothing_is_told_with_the_nearest_task():
    with pytest.raises(ValueError, match=r"'depth' asks for none .*; the nearest is depth, with"):
        finder(threshold=1.1)("depth")


def test_a_text_may_be_longer_than_the_trunk_reads():
    assert finder(threshold=-1.0)("how far is it? " * 20) in TASKS


def test_batches_are_repeatable_and_hardly_padded():
    draw = lambda: list(itertools.islice(texts.batches(SHORT, ByteTokenizer(), 64), 20))
    for one, other in zip(draw(), draw(), strict=True):
        jax.tree.map(np.testing.assert_array_equal, one, other)
        assert len(one.ids) == SHORT.batch and one.mask.any(axis=0)[-16:].any()
        assert one.ids.shape[1] <= 64 and set(one.subjects.tolist()) <= set(range(len(SUBJECTS)))
    # Sorted by length, a batch is padded by less than a third on the whole.
    assert np.mean([batch.mask.mean() for batch in draw()]) > 0.67


@pytest.mark.slow
def test_a_few_steps_tell_wordings_that_were_not_learned_from():
    config = TextConfig(layers=1, dim=32, heads=2, head_dim=16, ffn_dim=64, vocab_size=384)
    trunk = dataclasses.replace(SMALL.dit, text_dim=32)
    model = dataclasses.replace(SMALL, text=config, dit=trunk)
    params = start.random_part(model, checkpoints.TEXT_ENCODER, jax.random.key(0))
    groups = {"relative_bias": 15.0, "token_embedding": 5.0}
    optimizer = OptimizerConfig(learning_rate=4e-3, warmup_steps=50, groups=groups)
    tokenizer, teach = ByteTokenizer(), TextRecipe(steps=200, batch=32, optimizer=optimizer)
    other = {name: phrases(name, 40, seed=1, limit=31) for name in TASKS}

    def share(encoder) -> float:
        shares = texts.right(TaskFinder(encoder, tokenizer, threshold=-1.0), other)
        return np.mean(list(shares.values()))

    before = share(texts.encoder_of(config, params))
    after = share(texts.train(teach, config, params, tokenizer, 32))
    assert after > before + 0.2


def test_only_the_text_side_of_a_model_changes(begun, told):
    c, manifest = checkpoints.load_config(told), json.loads((told / "manifest.json").read_text())
    assert c == dataclasses.replace(
        SMALL, text=dataclasses.replace(SMALL.text, threshold=texts.THRESHOLD)
    )
    assert manifest["trained"] is False and list(manifest["unseen"]) == list(SUBJECTS)
    files = lambda folder, part: {
        file.relative_to(folder): file.read_bytes()
        for file in (folder / part).rglob("*")
        if file.is_file()
    }
    for part in ("dit", "vae", "sparse"):
        assert files(begun, part) == files(told, part)
    changed = nnx.to_pure_dict(nnx.state(load_encoder(told, c)))
    same = jax.tree.map(np.array_equal, changed, parameters()["text_encoder"])
    assert not any(jax.tree.leaves(same))
    stored = load_features(told / checkpoints.PROMPTS)
    assert {name: text for name, (text, _) in stored.items()} == {
        name: task.prompt for name, task in TASKS.items()
    }


def test_a_folder_is_not_overwritten(begun, told):
    with pytest.raises(ValueError, match="exists: give a new folder"):
        texts.train_model(SHORT, begun, told)


def test_a_predictor_tells_the_task_of_a_text(told):
    predictor = predict.load(told, fold=False)
    assert predictor.task_of("2d keypoints") == "keypoints2d"
    texts_of = predict.tasks_asked(["depth", "foreground matte"], told)
    assert texts_of == {"depth": "depth", "matte": "foreground matte"}
    with pytest.raises(ValueError, match="both ask for depth"):
        predict.tasks_asked(["depth", "depth"], told)


def test_an_encoder_that_was_not_trained_for_it_says_so(begun):
    message = "the text encoder of {} was not trained to tell which task a text asks for"
    with pytest.raises(ValueError, match=message.format("small")):
        predict.load(begun, fold=False).task_of("depth")
    with pytest.raises(ValueError, match=message.format(r"tiny \(random\)")):
        predict.tasks_asked(["depth"], "tiny")


def test_a_trunk_that_is_trained_on_it_keeps_it(told, tmp_path):
    """Its features of all wordings are constants; trained on, it would tell tasks no more."""
    loader = {"sources": [{"kind": "live"}]}
    given = recipe.from_config({"start": str(told), "phrasings": 3, "loader": loader})
    mesh = make_mesh()
    with jax.set_mesh(mesh):
        begin = start.start(given, mesh)
        key = jax.random.key(0)
        state = init_state(begin.params, begin.frozen, optax.identity(), key, average=False)
        export.save_model(tmp_path / "model", given, begin, state)
    c = checkpoints.load_config(tmp_path / "model")
    assert c == begin.config and c.text.threshold == texts.THRESHOLD
    listening = dataclasses.replace(given, train_text=True)
    assert export.config_of(listening, begin).text.threshold is None
    text = task_texts(False, phrasings=3)["depth"][1]
    encoder, length = load_encoder(tmp_path / "model", c), int(begin.wordings.lengths[0, 1])
    ((_, expected),) = encode_texts(encoder, ByteTokenizer(), {"depth": text}, 64).values()
    np.testing.assert_allclose(begin.wordings.text[0, 1, :length], expected, atol=1e-4)
