"""Known statistics of Market-1501."""

from data_builders.facts import DatasetFacts

JUNK = -1  # bad detections: ignored even in a gallery
DISTRACTOR = 0  # background: stays in a gallery, never a class

FACTS = DatasetFacts(
    name="market1501",
    title="Market-1501",
    role="source",
    archives=("Market-1501-v15.09.15.zip", "Market-1501-v15.09.15"),
    homepage="https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html",
    identities=1_501,
    # Train + query + gallery less 3,819 junk and 2,798 distractor images.
    images=29_419,
    split_images={"train": 12_936, "query": 3_368, "gallery": 19_732},
    split_identities={"train": 751, "query": 750, "gallery": 750},
    non_identities=(JUNK, DISTRACTOR),
    strangers=(DISTRACTOR,),
)
