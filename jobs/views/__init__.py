"""Pages for people. They read through the same selectors and presenters as the REST interface, and hold no logic."""
