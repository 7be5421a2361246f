"""The demo culture: a small world that needs no network, weights or key, and a small model honestly trained in it.

    english, chinese_*, safety, risk   task families: seeded templates with words of our own   (words: lexicon, numbers)
    families                           what a family and an item are; which fillings are held out
    sampling                           family -> items of one side of the hold-out
    benchmark                          held-out items -> `Sample`s, as any other benchmark delivers them
    corpus, tokenizer, model           what the base model reads, how it is cut into tokens, what learns from it
    pretrain                           the base model `demo-en` as an ordinary checkpoint folder, built at first use

It shows a study's whole loop for real in minutes on one CPU thread: a base that knows English and little Chinese, knowledge and
safety stages that repair it, and the ways in which that goes wrong (forgetting, refusing everything). Its numbers say nothing
about any real model. Risky requests are mild, and only the request is ever written down, never an answer to it.
"""
