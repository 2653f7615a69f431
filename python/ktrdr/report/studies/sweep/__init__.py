"""The page of a sweep: heat maps, the best scenario with its doubt, its neighbours, and what each rule does."""
