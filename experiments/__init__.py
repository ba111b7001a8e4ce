"""One folder a question: how it is asked, what came out, and when. No engine code."""
