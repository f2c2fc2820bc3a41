"""The systems that STELLAR is compared with, by name: what each is, where its weights are published, how they are read.

`table` has a row a system, `architectures` builds its network, `layouts` knows the names of published files, `files`
opens them, `loading` puts the four together. `model.backbones.Backbone` takes these names beside timm's.
"""
