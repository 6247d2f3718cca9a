"""A gallery on Milvus as versions made it that did not filter there."""

from dimn_tf.gallery import MilvusGallery, milvus_collections


def make(uri: str, collection: str, model: str, dimension: int) -> MilvusGallery:
    """Makes one, exact and empty, and opens it."""
    pymilvus = milvus_collections._package()
    client, types = milvus_collections.connect(uri), pymilvus.DataType
    facts = {"model_sha256": model, "dimension": str(dimension), "index": "exact"}
    milvus_collections.make_facts(client, collection, facts)
    schema = client.create_schema(auto_id=False)
    schema.add_field("key", types.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("entry_id", types.VARCHAR, max_length=65_535)
    schema.add_field("person_id", types.VARCHAR, max_length=65_535, nullable=True)
    schema.add_field("metadata", types.JSON)
    schema.add_field("vector", types.FLOAT_VECTOR, dim=dimension)
    client.create_collection(collection, schema=schema, consistency_level="Strong")
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="IP", params={})
    client.create_index(collection, index)
    client.close()
    return MilvusGallery(uri, collection, model)
