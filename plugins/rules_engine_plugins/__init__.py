"""The built-in plugins: each module is one plugin, found through its entry point like a third party's."""
