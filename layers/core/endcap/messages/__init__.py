"""What answers say in words: `language`, `reasons`, `texts`, and for each language a file of what is
said to shoppers, `en` and `zh`, and of what is said otherwise to the shop's own people, `staff_en` and `staff_zh`."""
