"""What organisations and the bureau say to one another: signed requests, webhooks, letters, news."""
