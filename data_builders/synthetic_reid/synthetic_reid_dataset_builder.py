"""synthetic_reid: pedestrians rendered on this machine, in several camera networks."""

import dataclasses

import tensorflow_datasets as tfds

from data_builders.base_builder import ReidBuilder
from data_builders.synthetic_reid import domains, facts, renderer
from dimn_tf import progress
from dimn_tf.errors import DataError


@dataclasses.dataclass(eq=False, kw_only=True)
class SyntheticConfig(tfds.core.BuilderConfig):
    """One rendered domain.

    Attributes:
        domain: Which.
        seed: Decides the people and every image.
    """

    domain: domains.Domain
    seed: int = 0


class Builder(ReidBuilder):
    """Builds one domain per config, such as `synthetic_reid/plaza`; needs no archive.

    person_id = domain number * 1000 + person, so that no two domains share one;
    camera_id = 1, 2, ... in the split `cam_1`, `cam_2`, ...
    """

    VERSION = tfds.core.Version(facts.VERSION)
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = None
    FACTS = facts.facts_of(None)  # What all domains share is the same in each.
    BUILDER_CONFIGS = [
        SyntheticConfig(name=domain.name, description=domain.description, domain=domain)
        for domain in domains.DOMAINS.values()
    ]

    @tfds.core.utils.classproperty
    @classmethod
    def builder_configs(cls) -> dict[str, SyntheticConfig]:
        """Configs that can be asked for by name; a rendered domain has no parts."""
        return {config.name: config for config in cls.BUILDER_CONFIGS}

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        del dl_manager  # Nothing is downloaded.
        config = self.builder_config
        render = renderer.Renderer(config.domain, config.seed)
        cameras = range(1, len(config.domain.cameras) + 1)
        return {f"cam_{number}": self._render(render, number) for number in cameras}

    def _render(self, render: renderer.Renderer, camera_id: int):
        domain = render.domain
        split = f"cam_{camera_id}"
        expected = facts.facts_of_domain(domain)
        shots = progress.bar(
            render.shots(camera_id),
            label=f"{self.name}/{domain.name} {split}",
            total=expected.split_images[split],
            log=self.log,
        )
        images, people = 0, set()
        for shot in shots:
            yield (
                shot.file_name,
                {
                    "image": shot.image,
                    "person_id": shot.person_id,
                    "camera_id": shot.camera_id,
                    "file_name": shot.file_name,
                },
            )
            images += 1
            people.add(shot.person_id)
        found = (images, len(people))
        wanted = (expected.split_images[split], expected.split_identities[split])
        if found != wanted:
            raise DataError(
                f"{self.name}/{domain.name} {split}: rendered {found[0]:,} images of "
                f"{found[1]:,} identities, expected {wanted[0]:,} of {wanted[1]:,}. "
                "The renderer and its table of domains disagree; mend "
                "data_builders/synthetic_reid/domains.py."
            )
