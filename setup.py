"""Installs dimn_tf, its TFDS builders and its launchers."""

import pathlib

import setuptools

_HERE = pathlib.Path(__file__).parent
_VERSION = "0.1.0"

setuptools.setup(
    name="dimn_tf",
    version=_VERSION,
    description="Domain-generalizable person re-identification (DIMN) in TensorFlow",
    long_description=(_HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=setuptools.find_packages(
        include=["dimn_tf*", "data_builders*", "experiments*"]
    ),
    package_data={
        "dimn_tf.comparison": ["quoted.json"],
        "dimn_tf.fewshot": ["quoted.json"],
        "dimn_tf.service": ["README.md", "templates/*.html", "static/*"],
        "dimn_tf.evaluation.protocols": ["trial_lists/*.txt"],
        "data_builders": ["*/README.md", "*/CITATIONS.bib", "*/TAGS.txt"],
    },
    python_requires=">=3.11",
    # Loose bounds for users; constraints.txt pins what CI runs.
    install_requires=[
        "absl-py>=2.1",
        "array-record>=0.5",
        "h5py>=3.10",
        "keras>=3.8",
        "matplotlib>=3.8",
        "numpy>=1.26",
        "pillow>=10.0",
        "scipy>=1.11",
        "tensorflow>=2.18",
        "tensorflow-datasets>=4.9.8",
        "tqdm>=4.60",
    ],
    extras_require={
        # One GPU and more: TensorFlow with NVIDIA's libraries.
        "gpu": ["tensorflow[and-cuda]>=2.18"],
        # What the `tfds` command of tensorflow-datasets imports without declaring.
        "tfds": ["apache-beam>=2.60", "mlcroissant>=1.0", "importlib_resources>=6.0"],
        # Galleries: maximum inner product search.
        "gallery": ["faiss-cpu>=1.8"],
        # Galleries on a Milvus server, and Milvus Lite to try and test them.
        "milvus": ["pymilvus>=2.6", "milvus-lite>=3.0"],
        # Enrolment over many machines, and shards of entries (it brings PyArrow).
        "beam": ["apache-beam>=2.60"],
        # Export to ONNX and to LiteRT, and the runtimes that check it.
        "onnx": ["onnx>=1.16", "onnxruntime>=1.18", "tf2onnx>=1.16"],
        "litert": ["ai-edge-litert>=1.0"],
        # Warm-up requests for TensorFlow Serving in an export.
        "serving": ["tensorflow-serving-api>=2.18"],
        # A gallery over HTTP: `experiments.serve`.
        "service": [
            "fastapi>=0.115",
            "httptools>=0.6",
            "jinja2>=3.1",
            "prometheus-client>=0.20",
            "python-multipart>=0.0.20",
            "uvicorn>=0.30",
            "uvloop>=0.19",
        ],
        # The service in several processes, on a machine or many: `--ray`.
        "ray": ["ray[serve]>=2.60"],
        # The service's page in a real browser (with Chromium), in its test alone.
        "browser": ["playwright>=1.50"],
        # PyTorch beside our exports, in `experiments.benchmarks.inference` alone.
        "torch": ["torch>=2.2"],
        # Looking at the scalars of a run.
        "tensorboard": ["tensorboard>=2.18"],
        # tfds.testing imports dill without declaring it; OpenCV cuts out and resizes as
        # trackers do.
        "dev": [
            "cosmic-ray>=8.4",
            "dill>=0.3",
            "httpx>=0.27",
            "opencv-python-headless>=4.8",
            "pytest>=8.0",
            "pytest-xdist>=3.6",
            "ruff>=0.6",
        ],
    },
)
