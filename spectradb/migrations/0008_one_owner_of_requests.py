from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('spectradb', '0007_who_asked'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='calculation',
            name='requested_by',
        ),
        migrations.RemoveField(
            model_name='historicalcalculation',
            name='requested_by',
        ),
    ]
