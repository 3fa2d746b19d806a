from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('spectradb', '0021_collection_doi'),
    ]

    operations = [
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fingerprint', models.CharField(max_length=200)),
            ],
        ),
    ]
