"""Two sentences in each of several languages, for synthesis with eSpeak NG."""

TEXTS = {
    "en": "Good morning, my name is Paul, and I live above a small bakery. "
    "Every Monday my father opens the shop before the buses run.",
    "de": "Guten Morgen, ich heiße Paul und wohne über einer kleinen Bäckerei. "
    "Jeden Montag öffnet mein Vater den Laden, bevor die Busse fahren.",
    "fr": "Bonjour, je m'appelle Paul et j'habite au-dessus d'une petite boulangerie. "
    "Tous les lundis, mon père ouvre la boutique avant le passage des bus.",
    "es": "Buenos días, me llamo Pablo y vivo encima de una pequeña panadería. "
    "Todos los lunes mi padre abre la tienda antes de que pasen los autobuses.",
    "it": "Buongiorno, mi chiamo Paolo e abito sopra un piccolo panificio. "
    "Ogni lunedì mio padre apre il negozio prima che passino gli autobus.",
    "pt": "Bom dia, o meu nome é Paulo e moro por cima de uma pequena padaria. "
    "Todas as segundas o meu pai abre a loja antes de passarem os autocarros.",
    "pl": "Dzień dobry, mam na imię Paweł i mieszkam nad małą piekarnią. "
    "W każdy poniedziałek mój ojciec otwiera sklep, zanim ruszą autobusy.",
    "ru": "Доброе утро, меня зовут Павел, и я живу над маленькой пекарней. "
    "Каждый понедельник мой отец открывает магазин до первых автобусов.",
    "zh": "早上好，我叫小明，住在一家小面包店的楼上。每个星期一，我爸爸在公共汽车开动以前就打开店门。",
}

#: Further voices of eSpeak NG for the English text.
VOICES = ("f2", "m3", "grandma", "grandpa", "croak", "whisper")
